"""What a change means in the clusters, for those who read it before it lands."""
