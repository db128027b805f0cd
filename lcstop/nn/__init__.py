"""Network layers in numpy, files of weights, and what torch needs."""
