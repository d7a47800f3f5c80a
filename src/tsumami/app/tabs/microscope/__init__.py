"""A reply as its tokens, and every token's way through the stages."""
