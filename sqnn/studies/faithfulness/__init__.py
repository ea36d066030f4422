"""Study of explanation methods: which of them tell the truth about which network."""
