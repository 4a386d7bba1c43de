"""What models see of a network at one origin. Pure; arrays are (sensors, ...) in the order of the network's sensors.

    history            the last twelve windows of every sensor, set against what is usual
    health_course      which of the readings in them are doubted, as windows come
    links              weighted means over the sensors linked down- and upstream in the road graph

Missing is NaN all the way; filling in is the model's own decision, and shows in the forecast's `basis`. Training and
serving build their inputs by this same code, so that a model never sees in service what it did not see in training.
"""
