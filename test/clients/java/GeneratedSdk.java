import com.box.sdkgen.box.ccgauth.BoxCCGAuth;
import com.box.sdkgen.box.ccgauth.CCGConfig;
import com.box.sdkgen.box.developertokenauth.BoxDeveloperTokenAuth;
import com.box.sdkgen.box.errors.BoxAPIError;
import com.box.sdkgen.box.jwtauth.BoxJWTAuth;
import com.box.sdkgen.box.jwtauth.JWTConfig;
import com.box.sdkgen.client.BoxClient;
import com.box.sdkgen.managers.chunkeduploads.ChunkedUploadsManager;
import com.box.sdkgen.managers.chunkeduploads.CreateFileUploadSessionCommitByUrlHeaders;
import com.box.sdkgen.managers.chunkeduploads.CreateFileUploadSessionCommitByUrlRequestBody;
import com.box.sdkgen.managers.chunkeduploads.CreateFileUploadSessionCommitHeaders;
import com.box.sdkgen.managers.chunkeduploads.CreateFileUploadSessionCommitRequestBody;
import com.box.sdkgen.managers.chunkeduploads.CreateFileUploadSessionForExistingFileRequestBody;
import com.box.sdkgen.managers.chunkeduploads.CreateFileUploadSessionRequestBody;
import com.box.sdkgen.managers.chunkeduploads.GetFileUploadSessionPartsQueryParams;
import com.box.sdkgen.managers.chunkeduploads.UploadFilePartByUrlHeaders;
import com.box.sdkgen.managers.chunkeduploads.UploadFilePartHeaders;
import com.box.sdkgen.managers.uploads.PreflightFileUploadCheckRequestBody;
import com.box.sdkgen.managers.uploads.PreflightFileUploadCheckRequestBodyParentField;
import com.box.sdkgen.managers.uploads.UploadFileRequestBody;
import com.box.sdkgen.managers.uploads.UploadFileRequestBodyAttributesField;
import com.box.sdkgen.managers.uploads.UploadFileRequestBodyAttributesParentField;
import com.box.sdkgen.networking.auth.Authentication;
import com.box.sdkgen.networking.baseurls.BaseUrls;
import com.box.sdkgen.schemas.filefull.FileFull;
import com.box.sdkgen.schemas.files.Files;
import com.box.sdkgen.schemas.uploadpart.UploadPart;
import com.box.sdkgen.schemas.uploadsession.UploadSession;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** Box's unmodified generated Java SDK with other base URLs. */
final class GeneratedSdk {
  private static final byte[] DATA = Lab.seededBytes(5 * Lab.PART_SIZE + 1234, 10);
  private static final int TOTAL_PARTS = 6;

  private final BoxClient client = connect(new BoxDeveloperTokenAuth(Lab.TOKEN));
  private final ChunkedUploadsManager chunked = client.getChunkedUploads();

  public static void main(String[] arguments) {
    GeneratedSdk sdk = new GeneratedSdk();
    Lab.check("uploadBigFile uploads a file of six parts, which is downloaded byte for byte", sdk::uploadBigFile);
    Lab.check("every chunked upload call works by session ID", sdk::byId);
    Lab.check("every chunked upload call works by the addresses in session_endpoints", sdk::byUrl);
    Lab.check("a session for an existing file adds a version", sdk::version);
    Lab.check("an aborted session no longer exists", sdk::abort);
    Lab.check("a part or commit with a wrong digest is digest_mismatch; the correct one then succeeds", sdk::digests);
    Lab.check("a direct upload and its preflight work; a taken name is rejected with the existing file", sdk::direct);
    Lab.check("client_credentials return a token for the app's own user, or for a given user", sdk::appTokens);
    Lab.check("an app that signs its own assertions gets a token for its own user", sdk::signedTokens);
    Lab.end();
  }

  private static BoxClient connect(Authentication auth) {
    BaseUrls urls = new BaseUrls.Builder()
        .baseUrl(Lab.SERVER)
        .uploadUrl(Lab.SERVER + "/api")
        .oauth2Url(Lab.SERVER + "/api/oauth2")
        .build();
    return new BoxClient(auth).withCustomBaseUrls(urls);
  }

  private void uploadBigFile() throws IOException {
    FileFull file = chunked.uploadBigFile(new ByteArrayInputStream(DATA), "big.bin", DATA.length, "0");
    Lab.equal(file.getName(), "big.bin");
    Lab.equal(file.getSize(), (long) DATA.length);
    Lab.equal(file.getSha1(), Lab.sha1Hex(DATA));
    Lab.equal(download(file.getId()), DATA);
    client.getFiles().deleteFileById(file.getId());
  }

  private void byId() throws IOException {
    UploadSession session = open("by-id.bin");
    String id = session.getId();
    Lab.equal(session.getPartSize(), (long) Lab.PART_SIZE);
    Lab.equal(session.getTotalParts(), TOTAL_PARTS);
    Lab.equal(session.getNumPartsProcessed(), 0);
    List<UploadPart> parts = putAll(id, DATA);
    Lab.equal(chunked.getFileUploadSessionParts(id).getTotalCount(), (long) TOTAL_PARTS);
    var page = new GetFileUploadSessionPartsQueryParams.Builder().offset(2L).limit(3L).build();
    Lab.equal(chunked.getFileUploadSessionParts(id, page).getEntries().size(), 3);
    Lab.equal(chunked.getFileUploadSessionById(id).getNumPartsProcessed(), TOTAL_PARTS);
    FileFull file = commit(id, parts, DATA);
    Lab.equal(file.getName(), "by-id.bin");
    Lab.equal(commit(id, parts, DATA).getId(), file.getId());
    chunked.deleteFileUploadSessionById(id);
    Lab.equal(download(file.getId()), DATA);
  }

  private void byUrl() throws IOException {
    UploadSession session = open("by-url.bin");
    var at = session.getSessionEndpoints();
    List<UploadPart> parts = new ArrayList<>();
    for (int index = 0; index < TOTAL_PARTS; index++) {
      byte[] part = Lab.part(DATA, index);
      var headers = new UploadFilePartByUrlHeaders("sha=" + Lab.sha1Base64(part), range(index, part, DATA));
      parts.add(chunked.uploadFilePartByUrl(at.getUploadPart(), new ByteArrayInputStream(part), headers).getPart());
    }
    Lab.equal(chunked.getFileUploadSessionPartsByUrl(at.getListParts()).getTotalCount(), (long) TOTAL_PARTS);
    Lab.equal(chunked.getFileUploadSessionByUrl(at.getStatus()).getId(), session.getId());
    Files committed = chunked.createFileUploadSessionCommitByUrl(
        at.getCommit(),
        new CreateFileUploadSessionCommitByUrlRequestBody(parts),
        new CreateFileUploadSessionCommitByUrlHeaders("sha=" + Lab.sha1Base64(DATA)));
    Lab.equal(committed.getEntries().get(0).getSha1(), Lab.sha1Hex(DATA));
    chunked.deleteFileUploadSessionByUrl(at.getAbort());
  }

  private void version() throws IOException {
    byte[] next = Lab.seededBytes(2 * Lab.PART_SIZE + 5, 11);
    FileFull file = chunked.uploadBigFile(new ByteArrayInputStream(DATA), "versions.bin", DATA.length, "0");
    var body = new CreateFileUploadSessionForExistingFileRequestBody((long) next.length);
    String id = chunked.createFileUploadSessionForExistingFile(file.getId(), body).getId();
    FileFull changed = commit(id, putAll(id, next), next);
    Lab.equal(changed.getId(), file.getId());
    Lab.equal(changed.getEtag(), "1");
    Lab.equal(download(file.getId()), next);
  }

  private void abort() throws Exception {
    String id = open("aborted.bin").getId();
    chunked.deleteFileUploadSessionById(id);
    Lab.refused(BoxAPIError.class, is(404, "upload_session_not_found"), () -> put(id, 0, DATA));
  }

  private void digests() throws Exception {
    String id = open("digests.bin").getId();
    byte[] part = Lab.part(DATA, 0);
    var wrong = new UploadFilePartHeaders("sha=" + Lab.sha1Base64(new byte[0]), range(0, part, DATA));
    Lab.refused(BoxAPIError.class, is(400, "digest_mismatch"),
        () -> chunked.uploadFilePart(id, new ByteArrayInputStream(part), wrong));
    List<UploadPart> parts = putAll(id, DATA);
    Lab.refused(BoxAPIError.class, is(400, "digest_mismatch"), () -> commit(id, parts, new byte[0]));
    Lab.equal(commit(id, parts, DATA).getSha1(), Lab.sha1Hex(DATA));
  }

  private void direct() throws Exception {
    var preflight = new PreflightFileUploadCheckRequestBody.Builder()
        .name("direct.bin")
        .size(DATA.length)
        .parent(new PreflightFileUploadCheckRequestBodyParentField.Builder().id("0").build())
        .build();
    String address = client.getUploads().preflightFileUploadCheck(preflight).getUploadUrl();
    Lab.holds(address.startsWith(Lab.SERVER + "/"), address);
    var attributes = new UploadFileRequestBodyAttributesField(
        "direct.bin", new UploadFileRequestBodyAttributesParentField("0"));
    Files uploaded = client.getUploads()
        .uploadFile(new UploadFileRequestBody(attributes, new ByteArrayInputStream(DATA)));
    FileFull file = uploaded.getEntries().get(0);
    Lab.equal(download(file.getId()), DATA);
    BoxAPIError taken = Lab.refused(BoxAPIError.class, is(409, "item_name_in_use"),
        () -> client.getUploads().preflightFileUploadCheck(preflight));
    Lab.equal(taken.getResponseInfo().getContextInfo().at("/conflicts/id").asText(), file.getId());
  }

  private void appTokens() {
    String enterprise = System.getenv("LAB_ENTERPRISE_ID");
    String user = System.getenv("LAB_USER_ID");
    BoxClient service = connect(new BoxCCGAuth(app().enterpriseId(enterprise).build()));
    BoxClient named = connect(new BoxCCGAuth(app().userId(user).build()));
    Lab.equal(named.getUsers().getUserMe().getId(), user);
    Lab.holds(!service.getUsers().getUserMe().getId().equals(user), "the app has its own user");
  }

  private void signedTokens() {
    JWTConfig config = JWTConfig.fromConfigFile(System.getenv("LAB_JWT_CONFIG"));
    BoxClient service = connect(new BoxJWTAuth(config));
    Lab.equal(service.getFolders().getFolderItems("0").getTotalCount(), 0L);
  }

  private static CCGConfig.Builder app() {
    return new CCGConfig.Builder(System.getenv("LAB_CLIENT_ID"), System.getenv("LAB_CLIENT_SECRET"));
  }

  private UploadSession open(String name) {
    return chunked.createFileUploadSession(new CreateFileUploadSessionRequestBody("0", DATA.length, name));
  }

  private UploadPart put(String id, int index, byte[] data) {
    byte[] part = Lab.part(data, index);
    var headers = new UploadFilePartHeaders("sha=" + Lab.sha1Base64(part), range(index, part, data));
    return chunked.uploadFilePart(id, new ByteArrayInputStream(part), headers).getPart();
  }

  private List<UploadPart> putAll(String id, byte[] data) {
    List<UploadPart> parts = new ArrayList<>();
    for (int index = 0; index * Lab.PART_SIZE < data.length; index++) parts.add(put(id, index, data));
    return parts;
  }

  private FileFull commit(String id, List<UploadPart> parts, byte[] data) {
    Files committed = chunked.createFileUploadSessionCommit(
        id,
        new CreateFileUploadSessionCommitRequestBody(parts),
        new CreateFileUploadSessionCommitHeaders("sha=" + Lab.sha1Base64(data)));
    Lab.equal(committed.getTotalCount(), 1L);
    return committed.getEntries().get(0);
  }

  private byte[] download(String fileId) throws IOException {
    try (InputStream body = client.getDownloads().downloadFile(fileId)) {
      return body.readAllBytes();
    }
  }

  private static String range(int index, byte[] part, byte[] whole) {
    int first = index * Lab.PART_SIZE;
    return "bytes " + first + "-" + (first + part.length - 1) + "/" + whole.length;
  }

  private static Predicate<BoxAPIError> is(int status, String code) {
    return error -> error.getResponseInfo().getStatusCode() == status && code.equals(error.getResponseInfo().getCode());
  }
}
