"""The API: whatever the page does, a script can do.

Guarantee: an endpoint calls what the page calls, and answers in plain JSON values.
"""
