"""What an alert rests on: a file that shows it, and a run that computes it again."""
