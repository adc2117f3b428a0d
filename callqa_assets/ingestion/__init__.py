"""Files become recordings: discovery in the drop folder, description, archiving."""
