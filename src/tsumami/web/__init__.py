"""What every server of ours stands on, whatever it serves: who may come in, how much of it, and whose turn it is.

    hosts      the names of a server, and which pages may speak to it
    limits     how much one caller may take          callers    who asks, from here or from elsewhere
    gate       what is let in                        passing    one request on its way in, its answer on its way out
    turns      who may generate now                  places     a place for as long as a block lasts
    listening  the socket                            running    behind it, until it is interrupted
    farewell   streams that end when the server does
    pulling    a generator that blocks, pulled by an event loop

Guarantee: importing this package loads nothing of it.
"""
