"""Everything on one machine: embedded broker, launcher of the demo, native stack."""
