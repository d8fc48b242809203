"""Archives the changes that a master had alone when a snapshot replaced its replica."""
