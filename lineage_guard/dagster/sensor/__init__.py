"""What watches afterwards: collects, decides again, keeps incidents and shows verdicts as checks."""
