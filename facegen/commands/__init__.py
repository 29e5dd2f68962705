"""Commands of facegen, one a file: its name is the command's, its `command` what click runs."""
