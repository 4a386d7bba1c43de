"""Sensor networks: what stands where on which freeway, and the simulator that drives one."""
