def demo() -> None:
    """Placeholder being written."""
