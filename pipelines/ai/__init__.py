"""How steps and people ask language models: material, tools, conversations, proposals."""
