"""The API of AWS Glue's jobs, runs, triggers and workflows, as its SDKs and the CLI speak it."""
