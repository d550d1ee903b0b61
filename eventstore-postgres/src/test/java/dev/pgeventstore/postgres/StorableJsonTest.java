package dev.pgeventstore.postgres;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.codec.StorableJson;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The check of what is to be stored beside the database's own, on damaged JSON. */
@ExtendWith(PostgresExtension.class)
class StorableJsonTest {

  private static final List<String> SOUND =
      List.of(
          "{\"a\":[1,-2.5e-7,true,null,{\"b\":\"x\\u00e9\\\"\\\\\"}],\"é😀\":\"\\ud83d\\ude00\"}",
          "[0,10,-0.1,1E+3,[[],{}],\"\",false , {\"k\" :\t\"v\\n\"}\n]",
          "\"\\\\\\\"\\/\\b\\f\\n\\r\\t plain \\u0001 \u07ff\uffff\"",
          "[1e131071,1e-16383,-1.5e131070,0e5,0.0e-3]");

  private static final String TELLING = "{}[]\",:\\0123456789.-+eEtrufalsn \t\ndc\u00c3😀";

  @Test
  void accepted_text_is_json_and_jsonb_for_the_database(Database database) throws SQLException {
    Random random = new Random(11);
    int taken = 0;
    try (Connection connection = database.open();
        PreparedStatement both =
            connection.prepareStatement(
                "select pg_input_is_valid(t, 'json') and pg_input_is_valid(t, 'jsonb')"
                    + " from unnest(?::text[]) with ordinality as u (t, n) order by n")) {
      for (int round = 0; round < 60; round++) {
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
          texts.add(damaged(SOUND.get(random.nextInt(SOUND.size())), random));
        }
        both.setArray(1, connection.createArrayOf("text", texts.toArray()));
        try (var valid = both.executeQuery()) {
          for (String text : texts) {
            valid.next();
            String flaw = StorableJson.flawOf(text.getBytes(UTF_8));
            if (flaw == null) {
              assertThat(valid.getBoolean(1)).as(text).isTrue();
              taken++;
            } else if (flaw.startsWith("it is not JSON") || flaw.startsWith("it has the char")) {
              assertThat(valid.getBoolean(1)).as("%s: %s", text, flaw).isFalse();
            }
          }
        }
      }
    }
    assertThat(taken).isGreaterThan(1_000);
  }

  @Test
  void the_database_accepts_the_deepest_and_longest_json_that_is_accepted(Database database)
      throws SQLException {
    int depth = StorableJson.MAX_DEPTH;
    List<String> texts =
        List.of(
            "[".repeat(depth) + "]".repeat(depth),
            "{\"a\":".repeat(depth) + "1" + "}".repeat(depth),
            "9".repeat(StorableJson.MAX_NUMBER_LENGTH),
            "0." + "1".repeat(StorableJson.MAX_NUMBER_LENGTH - 2),
            "\"" + "x".repeat(10_000_000) + "\"");
    try (Connection connection = database.open();
        PreparedStatement cast = connection.prepareStatement("select ?::text::jsonb is not null")) {
      for (String text : texts) {
        assertThat(StorableJson.flawOf(text.getBytes(UTF_8))).isNull();
        cast.setString(1, text);
        cast.executeQuery();
      }
    }
  }

  /** Characters, not bytes: what is no UTF-8 does not come to the database as a text. */
  private static String damaged(String sound, Random random) {
    int[] points = sound.codePoints().toArray();
    for (int n = 1 + random.nextInt(2); n > 0; n--) {
      int[] telling = TELLING.codePoints().toArray();
      points[random.nextInt(points.length)] = telling[random.nextInt(telling.length)];
    }
    return new String(points, 0, points.length);
  }
}
