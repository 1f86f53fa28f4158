"""`bystack doctor`: looks a node over, says what is wrong and what to do.

`facts` says what is looked at, `gathering` looks, the other files judge: each judge is a function
of facts alone, so that a fault can be made in a test.
"""
