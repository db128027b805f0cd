"""Colours of the figures. They are distinguishable with any colour vision (after Okabe and Ito 2008).

A test simulates three kinds of colour blindness, and checks the contrast with the ground.
"""

INK = "#222222"
GREY = "#8c8c8c"
LINE = "#e6e6e6"
WHOLE = "#56a0c8"
BAND = "#0072b2"
INCUMBENT = "#cf7a00"
STOPPED = "#d1400f"
