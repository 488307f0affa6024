"""`make demo`: a journey through the shop on a private stack, from outside, checked as it goes.

__main__.py   the stack and the exit status
journey.py    the journey, step by step
timeline.py   what is printed and checked
client.py     people of the shop, over HTTP
sse.py        the stream that they follow
"""
