"""Commands of dcign, one a file: its name is the command's, its `command` what click runs."""
