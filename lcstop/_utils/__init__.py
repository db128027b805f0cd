"""Small tools shared by all packages."""
