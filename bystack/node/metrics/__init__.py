"""What a node measures of itself: the figures of every part, and how Prometheus reads them.

`figures` says what each part's process answers, `families` what `/metrics` shows and documents,
`exposition` writes it, `page` makes docs/metrics.md.
"""
