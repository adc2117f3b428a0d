"""Tables by day that answer questions, made from the stages' rows, and how they leave callqa."""
