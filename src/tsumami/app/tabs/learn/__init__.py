"""The lesson: how a language model writes, in eight steps."""
