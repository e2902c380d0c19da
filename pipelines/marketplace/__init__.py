"""Templates of pipelines: what they may do, their variables, the built-in ones.

Pure: definitions in, definitions and sentences out.
"""
