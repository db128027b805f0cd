"""Parts shared by the demos of both engines: the trained network and the result."""
