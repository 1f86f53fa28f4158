"""`bystack federation`: what a member's operator does, one file per kind of business."""
