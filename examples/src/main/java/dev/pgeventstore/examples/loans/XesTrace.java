package dev.pgeventstore.examples.loans;

import java.util.List;
import java.util.Map;

/**
 * What happened to one case, here one loan application.
 *
 * @param place file, line, number and name, to be named when something is wrong with it
 * @param name unique in the file
 * @param attributes of the trace as a whole, as they are written; nested ones are left out
 * @param events in the order of the file
 */
record XesTrace(String place, String name, Map<String, String> attributes, List<XesEvent> events) {}
