"""The tabs, one folder each: its handlers (`tab`), what it draws (`view`), what it has under way (`work`), its script
and its style.

Guarantee: no tab knows another; what they share is handed to them (parts/desk.py).
"""
