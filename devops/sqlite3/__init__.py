"""Django's SQLite backend with a queue before the one write lock."""
