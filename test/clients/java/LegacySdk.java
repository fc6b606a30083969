import com.box.sdk.BoxAPIConnection;
import com.box.sdk.BoxAPIException;
import com.box.sdk.BoxAPIResponseException;
import com.box.sdk.BoxCCGAPIConnection;
import com.box.sdk.BoxConfig;
import com.box.sdk.BoxDeveloperEditionAPIConnection;
import com.box.sdk.BoxFile;
import com.box.sdk.BoxFileUploadSession;
import com.box.sdk.BoxFileUploadSessionPart;
import com.box.sdk.BoxFolder;
import com.box.sdk.BoxUser;
import com.box.sdk.DeveloperEditionEntityType;
import com.box.sdk.InMemoryLRUAccessTokenCache;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileReader;
import java.io.Reader;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** Box's unmodified legacy Java SDK with other base URLs. */
final class LegacySdk {
  private static final byte[] DATA = Lab.seededBytes(9 * Lab.PART_SIZE + 4321, 4);

  private final BoxAPIConnection api = connect(new BoxAPIConnection(Lab.TOKEN));
  private final BoxFolder root = BoxFolder.getRootFolder(api);

  public static void main(String[] arguments) {
    LegacySdk sdk = new LegacySdk();
    Lab.check("a loop over session.uploadPart with a DigestInputStream and a commit upload a file", sdk::loop);
    Lab.check("the same loop over a session for an existing file adds a version", sdk::versionLoop);
    Lab.check("uploadLargeFile uploads a file with four parts in parallel, and with attributes", sdk::largeFile);
    Lab.check("uploadLargeFile adds a version in parallel", sdk::largeVersion);
    Lab.check("an upload resumes from its list of parts", sdk::resume);
    Lab.check("an aborted session no longer exists, and its name is free", sdk::abort);
    Lab.check("errors are the same as Box's", sdk::refusals);
    Lab.check("a small file is checked in advance, uploaded, read in ranges, replaced and deleted", sdk::smallFile);
    Lab.check("client_credentials return a token for the app's own user, or for a given user", sdk::appTokens);
    Lab.check("an app that signs its own assertions gets a token for its own user", sdk::signedTokens);
    Lab.end();
  }

  private static <C extends BoxAPIConnection> C connect(C api) {
    api.setBaseURL(Lab.SERVER);
    api.setBaseUploadURL(Lab.SERVER + "/api");
    return api;
  }

  private void loop() throws Exception {
    BoxFile.Info file = uploadByHand(root.createUploadSession("by-hand.bin", DATA.length));
    Lab.equal(file.getName(), "by-hand.bin");
    Lab.equal(file.getSha1(), Lab.sha1Hex(DATA));
    Lab.equal(download(file.getID()), DATA);
  }

  private void versionLoop() throws Exception {
    BoxFile.Info file = root.uploadFile(new ByteArrayInputStream("first".getBytes()), "versions.bin");
    BoxFile.Info changed = uploadByHand(new BoxFile(api, file.getID()).createUploadSession(DATA.length));
    Lab.equal(changed.getID(), file.getID());
    Lab.equal(changed.getEtag(), "1");
  }

  /** As in the SDK's documentation. */
  private BoxFile.Info uploadByHand(BoxFileUploadSession.Info info) throws Exception {
    BoxFileUploadSession session = info.getResource();
    long fileSize = DATA.length;
    MessageDigest digest = Lab.sha1();
    DigestInputStream dis = new DigestInputStream(new ByteArrayInputStream(DATA), digest);
    List<BoxFileUploadSessionPart> parts = new ArrayList<>();
    long partSize = info.getPartSize();
    long offset = 0;
    long processed = 0;
    while (processed < fileSize) {
      long diff = fileSize - processed;
      if (diff < partSize) partSize = diff;
      parts.add(session.uploadPart(dis, offset, (int) partSize, fileSize));
      offset = offset + partSize;
      processed += partSize;
    }
    Lab.equal(parts.size(), info.getTotalParts());
    String whole = Base64.getEncoder().encodeToString(digest.digest());
    return session.commit(whole, parts, null, null, null);
  }

  private void largeFile() throws Exception {
    Map<String, String> attributes = Map.of("content_modified_at", "2020-02-29T12:34:56-00:00");
    BoxFile.Info file = root.uploadLargeFile(
        new ByteArrayInputStream(DATA), "large.bin", DATA.length, 4, 30, TimeUnit.SECONDS, attributes);
    Lab.equal(file.getSha1(), Lab.sha1Hex(DATA));
    Lab.equal(file.getContentModifiedAt().toInstant().toString(), "2020-02-29T12:34:56Z");
    Lab.equal(download(file.getID()), DATA);
  }

  private void largeVersion() throws Exception {
    BoxFile.Info file = root.uploadFile(new ByteArrayInputStream("first".getBytes()), "large-version.bin");
    BoxFile.Info changed = new BoxFile(api, file.getID())
        .uploadLargeFile(new ByteArrayInputStream(DATA), DATA.length, 4, 30, TimeUnit.SECONDS);
    Lab.equal(changed.getID(), file.getID());
    Lab.equal(download(file.getID()), DATA);
  }

  private void resume() throws Exception {
    BoxFileUploadSession session = root.createUploadSession("resumed.bin", DATA.length).getResource();
    for (int index = 0; index < 4; index++) put(session, index);
    int stored = session.listParts(0, 100).getTotalCount();
    Lab.equal(stored, 4);
    Lab.equal(session.getStatus().getPartsProcessed(), 4);
    for (int index = stored; index < 10; index++) put(session, index);
    var parts = session.listParts(0, 100).getEntries();
    Lab.equal(session.commit(Lab.sha1Base64(DATA), parts, null, null, null).getSha1(), Lab.sha1Hex(DATA));
  }

  private void abort() throws Exception {
    BoxFileUploadSession session = root.createUploadSession("aborted.bin", DATA.length).getResource();
    put(session, 0);
    session.abort();
    Lab.refused(BoxAPIResponseException.class, is(404, "upload_session_not_found"), () -> put(session, 1));
    root.createUploadSession("aborted.bin", DATA.length).getResource().abort();
  }

  private void refusals() throws Exception {
    BoxFileUploadSession session = root.createUploadSession("refused.bin", DATA.length).getResource();
    put(session, 0);
    byte[] other = Lab.part(DATA, 1);
    Lab.refused(BoxAPIResponseException.class, is(409, "range_overlaps_existing_part"),
        () -> session.uploadPart(other, 0, other.length, DATA.length));
    for (int index = 1; index < 10; index++) put(session, index);
    var parts = session.listParts(0, 100).getEntries();
    Lab.refused(BoxAPIResponseException.class, is(400, "digest_mismatch"),
        () -> session.commit(Lab.sha1Base64(other), parts, null, null, null));
    Lab.refused(BoxAPIResponseException.class, is(400, "file_size_too_small"),
        () -> root.createUploadSession("tiny.bin", 5));
    session.abort();
  }

  private void smallFile() throws Exception {
    root.canUpload("small.bin", 5);
    BoxFile.Info file = root.uploadFile(new ByteArrayInputStream("small".getBytes()), "small.bin");
    Lab.refused(BoxAPIResponseException.class, is(409, "item_name_in_use"), () -> root.canUpload("small.bin", 5));
    BoxFile resource = new BoxFile(api, file.getID());
    ByteArrayOutputStream middle = new ByteArrayOutputStream();
    resource.downloadRange(middle, 1, 3);
    Lab.equal(middle.toString(), "mal");
    resource.uploadNewVersion(new ByteArrayInputStream("renewed".getBytes()));
    Lab.equal(new String(download(file.getID())), "renewed");
    resource.delete();
    for (var item : root) Lab.holds(!item.getName().equals("small.bin"), "deleted");
  }

  private void appTokens() {
    String id = System.getenv("LAB_CLIENT_ID");
    String secret = System.getenv("LAB_CLIENT_SECRET");
    String user = System.getenv("LAB_USER_ID");
    var service = BoxCCGAPIConnection.applicationServiceAccountConnection(
        id, secret, System.getenv("LAB_ENTERPRISE_ID"));
    var named = BoxCCGAPIConnection.userConnection(id, secret, user);
    Lab.equal(BoxUser.getCurrentUser(connect(named)).getID(), user);
    Lab.holds(!BoxUser.getCurrentUser(connect(service)).getID().equals(user), "the app has its own user");
  }

  private void signedTokens() throws Exception {
    BoxConfig config;
    try (Reader file = new FileReader(System.getenv("LAB_JWT_CONFIG"))) {
      config = BoxConfig.readFrom(file);
    }
    var service = connect(new BoxDeveloperEditionAPIConnection(
        config.getEnterpriseId(), DeveloperEditionEntityType.ENTERPRISE, config, new InMemoryLRUAccessTokenCache(10)));
    service.authenticate();
    Lab.holds(!BoxFolder.getRootFolder(service).iterator().hasNext(), "the root folder of a new user is empty");
  }

  private static BoxFileUploadSessionPart put(BoxFileUploadSession session, int index) {
    byte[] part = Lab.part(DATA, index);
    return session.uploadPart(part, (long) index * Lab.PART_SIZE, part.length, DATA.length);
  }

  private byte[] download(String fileId) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    new BoxFile(api, fileId).download(bytes);
    return bytes.toByteArray();
  }

  private static Predicate<BoxAPIResponseException> is(int status, String code) {
    return error -> ((BoxAPIException) error).getResponseCode() == status && error.getResponse().contains(code);
  }
}
