package dev.pgeventstore.site;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.commonmark.Extension;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.ext.heading.anchor.IdGenerator;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Code;
import org.commonmark.node.Heading;
import org.commonmark.node.HtmlBlock;
import org.commonmark.node.Image;
import org.commonmark.node.Link;
import org.commonmark.node.ListBlock;
import org.commonmark.node.Node;
import org.commonmark.node.Text;
import org.commonmark.parser.Parser;
import org.commonmark.renderer.html.HtmlRenderer;

/** A page in Markdown: what it links to, its headings, and its HTML. */
final class Page {

  /** A heading, with the identifier by which links find it. */
  record Section(int level, String id, String text) {}

  /** An item of a list that begins with a link: its text and its target. */
  record Item(String section, String text, String target) {}

  private static final List<Extension> EXTENSIONS = List.of(TablesExtension.create());
  private static final Parser PARSER = Parser.builder().extensions(EXTENSIONS).build();

  private final Node document;
  private final Map<Node, Section> sections = new IdentityHashMap<>();
  private final List<Section> inOrder = new ArrayList<>();

  Page(String markdown) {
    this.document = PARSER.parse(markdown);
    IdGenerator ids = IdGenerator.builder().build();
    document.accept(
        new AbstractVisitor() {
          @Override
          public void visit(Heading heading) {
            String text = textOf(heading);
            Section section = new Section(heading.getLevel(), ids.generateId(text), text);
            sections.put(heading, section);
            inOrder.add(section);
          }

          @Override
          public void visit(HtmlBlock html) {
            if (html.getLiteral().startsWith("<!--")) {
              html.unlink();
            }
          }
        });
  }

  /** The first heading. */
  String title() {
    return inOrder.isEmpty() ? "" : inOrder.get(0).text();
  }

  List<Section> sections() {
    return List.copyOf(inOrder);
  }

  /** What the page links to and shows, as it is written. */
  Set<String> targets() {
    Set<String> targets = new LinkedHashSet<>();
    changeTargets(
        target -> {
          targets.add(target);
          return target;
        });
    return targets;
  }

  /** The first link of each item of the page's lists, which is how a table of contents is made. */
  List<Item> items() {
    List<Item> items = new ArrayList<>();
    String section = "";
    for (Node block = document.getFirstChild(); block != null; block = block.getNext()) {
      if (block instanceof Heading heading) {
        section = textOf(heading);
      } else if (block instanceof ListBlock) {
        for (Node item = block.getFirstChild(); item != null; item = item.getNext()) {
          if (item.getFirstChild().getFirstChild() instanceof Link link) {
            items.add(new Item(section, textOf(link), link.getDestination()));
          }
        }
      }
    }
    return items;
  }

  /** The page as HTML, with other targets of its links and pictures. */
  String html(UnaryOperator<String> target) {
    changeTargets(target);
    return HtmlRenderer.builder()
        .extensions(EXTENSIONS)
        .attributeProviderFactory(
            context ->
                (node, tag, attributes) -> {
                  if (node instanceof Heading) {
                    attributes.put("id", sections.get(node).id());
                  }
                })
        .build()
        .render(document);
  }

  private void changeTargets(UnaryOperator<String> target) {
    document.accept(
        new AbstractVisitor() {
          @Override
          public void visit(Link link) {
            link.setDestination(target.apply(link.getDestination()));
            visitChildren(link);
          }

          @Override
          public void visit(Image image) {
            image.setDestination(target.apply(image.getDestination()));
          }
        });
  }

  private static String textOf(Node parent) {
    StringBuilder text = new StringBuilder();
    parent.accept(
        new AbstractVisitor() {
          @Override
          public void visit(Text literal) {
            text.append(literal.getLiteral());
          }

          @Override
          public void visit(Code code) {
            text.append(code.getLiteral());
          }
        });
    return text.toString();
  }
}
