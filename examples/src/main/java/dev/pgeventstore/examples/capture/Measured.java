package dev.pgeventstore.examples.capture;

import dev.pgeventstore.codec.EventType;

/** A sensor has measured something. Every sensor is a stream. */
@EventType(name = "measured")
record Measured(int process, int number) {}
