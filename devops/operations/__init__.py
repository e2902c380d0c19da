"""Every write to accounts, people, tokens and providers, one module per noun."""
