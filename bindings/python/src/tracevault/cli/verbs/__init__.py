"""The verbs of the command; each module is imported when its verb is used."""
