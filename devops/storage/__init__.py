"""Where bytes are kept: log streams and blobs."""
