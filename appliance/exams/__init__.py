"""Today's exams: worklist items, procedure steps, commitment, expected views, and whether a study is complete."""
