"""What every part of the product knows about traffic: roads, time, windows and steps. Pure, but for two modules.

    network, folder   sensors in their order along each carriageway, read from a folder of three files
    directions        directions of travel as people write them
    text_file         text files that people make, and what is wrong with one in one line
    calendar          holidays, types of day, slots of the day and of the week on the network's own clock
    readings          which readings are fit to be learned from
    roadway           carriageways as arrays in road order
    neighbours        the next sensors along the carriageway, either way, that say something in a window
    landmarks         where something is, in words that a driver understands
    arrays            names of the array types
    usual/            how fast traffic mostly is at a sensor at that time of the week
    health/           which sensors, and which of their readings, are to be believed
    ring              the last windows of all sensors as arrays of (windows, sensors)
    steps             when all windows that end together are ready to be worked on, and when again
    assembler         windows of many networks in, due steps out: where predictor and alert detector both begin

Windows come one by one, in any order and in several revisions (`ring`); a `Step` is what leaves, with speeds in mph and
NaN where nothing was observed. Whoever compares a moment with 'the same time' asks `calendar`, so that a holiday is a
holiday for everybody. `folder` and `text_file` read files. This room knows neither forecasts nor alerts.
"""
