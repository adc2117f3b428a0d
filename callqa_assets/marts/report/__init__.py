"""The daily report: one HTML page of a published day, for people who open no BI client.

`content`: what it says; `reading`: from the marts; `page`: how it looks, `words` in which language.
"""
