"""What is drawn in several places: findings in, HTML out.

Guarantee: no Gradio here.
"""
