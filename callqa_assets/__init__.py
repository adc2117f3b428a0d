"""callqa: call-centre recordings become transcripts, emotions and alerts, as Dagster assets."""
