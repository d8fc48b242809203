"""What the gateway decides: who may do what, what a session's next state is, what apply changes."""
