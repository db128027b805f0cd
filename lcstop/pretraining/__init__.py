"""Pre-training of the shipped networks: ``lcstop train`` and ``lcstop train-study``. It needs torch."""
