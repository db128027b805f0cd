"""Network layers in numpy, weights files, and saving and loading of torch modules."""
