"""Networks compared at equal budgets, tries, images and seeds."""
