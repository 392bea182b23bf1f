"""How does the event engine work? Continuous time, exact crossings, work where events are."""
