"""Network layers in numpy, weights files, and torch modules from and to them."""
