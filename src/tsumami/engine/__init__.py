"""Tokens in, logits out: models and where they come from, sequences and forks, the batcher, exactness."""
