"""What tests need: servers, conformance suites for plug-ins."""
