"""Language models behind Anthropic's Messages API, and a fake of it."""
