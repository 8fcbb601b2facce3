DROP TABLE session_starts;
