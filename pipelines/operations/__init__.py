"""Every write to pipelines, one module per noun."""
