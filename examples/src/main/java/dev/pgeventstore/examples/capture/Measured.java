package dev.pgeventstore.examples.capture;

import dev.pgeventstore.codec.EventType;

/** A sensor has measured a value. Each sensor is a stream. */
@EventType(name = "measured")
record Measured(int process, int number) {}
