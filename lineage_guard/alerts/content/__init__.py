"""What an alert says: of an incident, of several at once, of a storm, and what lies around each."""
